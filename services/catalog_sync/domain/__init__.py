"""What a catalog item is made of, and which existing one stands for a product: pure."""
