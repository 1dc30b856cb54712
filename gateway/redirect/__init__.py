"""The hot path: from a short code to its destination, and every click on its way to the stream."""
