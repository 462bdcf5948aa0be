"""Pictures: files, sets of them, what extremes they can hold, and PSNR and SSIM between two."""
