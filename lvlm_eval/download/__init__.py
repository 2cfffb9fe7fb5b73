"""Released data from the Hugging Face hub: fetched, verified, unpacked; resumable throughout."""
