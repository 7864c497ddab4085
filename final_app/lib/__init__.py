"""Small tools: the clock, the thread pool, rate limits."""
