"""HTTP: each route parses, calls one function of the domain, and answers."""
