"""Content on its way: files into objects, objects into files, objects into objects, with what all three share."""
