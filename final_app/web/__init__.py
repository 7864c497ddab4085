"""HTTP: each route parses the request, calls one function of the domain, and returns a response."""
