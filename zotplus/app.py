"""The composition root: settings become adapters, services, faces and servers, here and nowhere else."""
