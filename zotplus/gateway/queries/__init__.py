"""AWS's query protocol, which several of its services speak: forms that name an action, and answers in XML."""
