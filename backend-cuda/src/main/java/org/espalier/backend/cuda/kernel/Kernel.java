package org.espalier.backend.cuda.kernel;

import java.util.Locale;

/** Every kernel of the module, named as in {@code src/main/cuda}. */
public enum Kernel {
  /** Residual, norm and rotation before products. */
  ENTER,
  /** Queries, keys and values after their products. */
  PROJECT,
  /** Attention of few rows. */
  ATTEND_SPLIT,
  /** Attention of many rows. */
  ATTEND_BLOCK,
  /** Joins stretches of attention. */
  JOIN,
  /** Chooses experts and sorts rows by them. */
  ROUTE,
  /** Rows for experts. */
  EXPERT_INPUT,
  /** Between an expert's products. */
  EXPERT_HIDDEN,
  /** After an expert's products. */
  EXPERT_OUTPUT,
  /** Rotates rows where they are. */
  LEAVE,
  /** Product with plain weights. */
  MULTIPLY_DENSE,
  /** Product with trellis codes in single precision. */
  MULTIPLY_QTIP_EXACT,
  /** Few rows times trellis codes; 8 copies of the codebook. */
  MULTIPLY_QTIP_FEW_8,
  /** The same with 32 copies. */
  MULTIPLY_QTIP_FEW_32,
  /** Many rows times trellis codes; 8 copies of the codebook. */
  MULTIPLY_QTIP_MANY_8,
  /** The same with 32 copies. */
  MULTIPLY_QTIP_MANY_32,
  /** From a file's trellis codes to those of the kernels. */
  REPACK_QTIP;

  /** Its name in the module. */
  public String symbol() {
    return name().toLowerCase(Locale.ROOT);
  }
}
