"""Stage 1 (paper, section 3.1): a diffusion model that draws the next joint targets on the views.

Read in this order: `prompts`, `autoencoder`, `tokenizer`, `base` (a model that knows nothing of
targets), `components` (its networks as one function), `data` (from segments to batches),
`adapters` (how a picture gets in, what is trained), `step` and `train` (learning), `pretrain` and
`finetune` (whole runs), `agent` (drawing).
"""
