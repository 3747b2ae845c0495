package org.espalier.runtime.quantisation.pipeline;

import org.espalier.api.codec.BlockQuantizer;

/** How a matrix is stored that is not in codes. */
public sealed interface StoredType {

  /** As users write it. */
  String name();

  /** Each row by itself, rounded to the nearest. */
  record Plain(EmbeddingType type) implements StoredType {
    @Override
    public String name() {
      return Named.of(type).replace('-', '_');
    }
  }

  /** In blocks, rounded with a view to what errors do. */
  record Blocks(BlockQuantizer quantizer) implements StoredType {
    @Override
    public String name() {
      return quantizer.name();
    }
  }
}
