"""Small tools, such as the clock, the thread pool and the rate limits."""
