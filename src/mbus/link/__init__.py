"""Link layer of EN 13757-2: frames, the stream decoder, frame count bits, one transaction; without any I/O."""
