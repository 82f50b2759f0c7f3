"""Sources in, canonical customers, products, documents and lines out."""
