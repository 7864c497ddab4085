"""The servers that `benchmarks.compare` measures besides the chat itself."""
