"""What is in an image, in a denoiser, in a result? Measurements that need no ground truth."""
