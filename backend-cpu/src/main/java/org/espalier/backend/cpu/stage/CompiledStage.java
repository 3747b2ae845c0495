package org.espalier.backend.cpu.stage;

/** A stage with its kernels and buffers. */
sealed interface CompiledStage
    permits EmbeddingStage, AttentionStage, MixtureOfExpertsStage, HeadStage {

  /** Moves all rows of the pass through the stage. */
  void run();
}
