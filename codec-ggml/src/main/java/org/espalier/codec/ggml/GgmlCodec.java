package org.espalier.codec.ggml;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.Offer;
import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.Rotation;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;

/**
 * The codec of ggml's common block types: a row of a matrix is cut into blocks of 32 or 256 values,
 * each decoded by itself, exactly as ggml's own reference decoders do in single precision.
 *
 * <p>It claims a group that is one tensor {@code weight} of such a type and nothing else. No
 * rotation is involved, and a block is a tile of one row.
 *
 * <p>All types are one codec. Specialised kernels find them under codec id {@code ggml}, the layout
 * being ggml's code of the type (2 is Q4_0, 12 is Q4_K), with one part: {@code blocks}, experts ×
 * outputs × inputs / block size blocks in this order, as they stand in the file. Scales are not
 * examined when a model is loaded: where one is infinite or not a number, so are the weights of its
 * block.
 */
public final class GgmlCodec implements Codec {
  static final CodecId ID = new CodecId("ggml");
  private static final String WEIGHT = "weight";

  /** Name of the part. */
  static final String BLOCKS = "blocks";

  /** Made by the service loader. */
  public GgmlCodec() {}

  @Override
  public CodecId id() {
    return ID;
  }

  @Override
  public String description() {
    return "block types of ggml, 2.6 to 8.5 bits a weight: " + BlockType.NAMES;
  }

  @Override
  public List<BlockQuantizer> blockQuantizers() {
    return List.of(
        SmallBlockQuantizer.q4With8(),
        SmallBlockQuantizer.nonLinear4(),
        SmallBlockQuantizer.q5With16(),
        new SixBitQuantizer());
  }

  @Override
  public Offer<EncodedLinear> claim(TensorGroup group) {
    Tensor weight = group.members().get(WEIGHT);
    if (weight == null) {
      return Offer.declined("there is no tensor '%s.%s'".formatted(group.stem(), WEIGHT));
    }
    Optional<BlockType> type = type(weight.type());
    if (type.isEmpty()) {
      return Offer.declined(
          "'%s' is of type %s, none of %s"
              .formatted(weight.name(), weight.type(), BlockType.NAMES));
    }
    if (group.members().size() > 1) {
      return Offer.declined(
          "'%s' is of type %s, which stands alone, but there is also %s"
              .formatted(
                  weight.name(),
                  weight.type(),
                  group.members().values().stream()
                      .map(Tensor::name)
                      .filter(name -> !name.equals(weight.name()))
                      .sorted()
                      .toList()));
    }
    return claim(group, weight, type.get());
  }

  private static Optional<BlockType> type(StorageType type) {
    return type instanceof StorageType.Block(String namespace, int code, _)
            && namespace.equals(ID.value())
        ? BlockType.of(code)
        : Optional.empty();
  }

  private static Offer<EncodedLinear> claim(TensorGroup group, Tensor weight, BlockType type) {
    LinearShape shape = group.shape();
    if (!expected(shape).contains(weight.shape())) {
      return Offer.declined(
          "'%s' has shape %s, expected %s".formatted(weight.name(), weight.shape(), shape));
    }
    if (shape.inputs() % type.size() != 0) {
      return Offer.declined(
          "'%s' is of type %s, in blocks of %d, but has rows of %d"
              .formatted(weight.name(), type, type.size(), shape.inputs()));
    }
    long needed = shape.weights() / type.size() * type.bytes();
    if (weight.bytes().byteSize() < needed) {
      return Offer.declined(
          "'%s' needs %d bytes as %s, but the file has room for %d only"
              .formatted(weight.name(), needed, type, weight.bytes().byteSize()));
    }
    return Offer.accepted(linear(group, type, weight.bytes().asSlice(0, needed)));
  }

  /** A single matrix may be stored as a stack of one. */
  private static List<List<Long>> expected(LinearShape shape) {
    List<Long> stack =
        List.of((long) shape.experts(), (long) shape.outputs(), (long) shape.inputs());
    return shape.experts() == 1 ? List.of(stack.subList(1, 3), stack) : List.of(stack);
  }

  private static EncodedLinear linear(TensorGroup group, BlockType type, MemorySegment blocks) {
    return new EncodedLinear(
        group.id(),
        ID,
        type.code(),
        group.shape(),
        new LinearForm.Tiled(
            new Rotation.Identity(),
            new TileGrid(1, type.size()),
            new RowDecoder(group.shape(), type, blocks),
            new Rotation.Identity()),
        Map.of(BLOCKS, blocks));
  }
}
