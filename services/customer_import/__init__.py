"""A site's companies and agreements beside the customers of our sources, and which goes where."""
