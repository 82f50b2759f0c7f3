"""Records as the site gives them, and drafts as it takes them; a file for each corner of the site."""
