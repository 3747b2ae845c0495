package org.espalier.codec.ggml;

import java.util.Arrays;
import java.util.Optional;
import java.util.stream.Collectors;
import org.espalier.api.tensor.StorageType;

/** The types that can be read. The codes are ggml's own and appear in files. */
enum BlockType {
  Q4_0(2, SmallBlocks.SIZE, 18, SmallBlocks::q4With8),
  Q4_1(3, SmallBlocks.SIZE, 20, SmallBlocks::q4WithMinimum),
  Q5_0(6, SmallBlocks.SIZE, 22, SmallBlocks::q5With16),
  Q5_1(7, SmallBlocks.SIZE, 24, SmallBlocks::q5WithMinimum),
  Q8_0(8, SmallBlocks.SIZE, 34, SmallBlocks::q8),
  Q2_K(10, SuperBlocks.SIZE, 84, SuperBlocks::q2),
  Q3_K(11, SuperBlocks.SIZE, 110, SuperBlocks::q3),
  Q4_K(12, SuperBlocks.SIZE, 144, SuperBlocks::q4),
  Q5_K(13, SuperBlocks.SIZE, 176, SuperBlocks::q5),
  Q6_K(14, SuperBlocks.SIZE, 210, SuperBlocks::q6),
  IQ4_NL(20, SmallBlocks.SIZE, 18, SmallBlocks::nonLinear4),
  IQ4_XS(23, SuperBlocks.SIZE, 136, SuperBlocks::nonLinear4);

  /** All names, for messages. */
  static final String NAMES =
      Arrays.stream(values()).map(BlockType::name).collect(Collectors.joining(", "));

  private final int code;
  private final int size;
  private final int bytes;
  private final BlockDecoder decoder;

  BlockType(int code, int size, int bytes, BlockDecoder decoder) {
    this.code = code;
    this.size = size;
    this.bytes = bytes;
    this.decoder = decoder;
  }

  /** The type of a code; empty where it cannot be read. */
  static Optional<BlockType> of(int code) {
    return Arrays.stream(values()).filter(type -> type.code == code).findFirst();
  }

  /** The number in files. */
  int code() {
    return code;
  }

  /** As tensors have it. */
  StorageType storage() {
    return new StorageType.Block(GgmlCodec.ID.value(), code, name());
  }

  /** Values of one block. */
  int size() {
    return size;
  }

  /** Bytes of one block. */
  int bytes() {
    return bytes;
  }

  /** Decodes one block. */
  BlockDecoder decoder() {
    return decoder;
  }
}
