package org.espalier.backend.cuda.stage;

/** One stage, ready to be launched. */
interface GpuStage {
  /** Launches its kernels for the rows of a chunk. */
  void launch(Pass pass);
}
