package org.espalier.downloads;

/** What of a repository is wanted where the name leaves that open. */
public enum Wanted {
  /** A model file (GGUF); a checkpoint where there is none. */
  MODEL_FILE,
  /** A checkpoint: safetensors with what belongs to them; a model file where there is none. */
  CHECKPOINT
}
