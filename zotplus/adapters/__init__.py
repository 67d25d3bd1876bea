"""Everything foreign, one folder per engine or peer; the folders are unaware of each other and only the app imports them."""
