"""Links and forms that are signed for whoever asks."""
