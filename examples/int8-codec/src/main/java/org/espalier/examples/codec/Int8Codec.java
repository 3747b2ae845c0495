package org.espalier.examples.codec;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.espalier.api.Offer;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.CodecId;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.Rotation;
import org.espalier.api.linear.TileGrid;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;

/**
 * Weight (o, i) of an expert is scale(o) · code(o, i), a signed byte. In a file:
 *
 * <ul>
 *   <li>{@code STEM.int8.weight}, type I8: the codes, (experts, outputs, inputs);
 *   <li>{@code STEM.int8.scale}, type F32: the scales, (experts, outputs).
 * </ul>
 *
 * <p>A plain matrix has no dimension of experts. Kernels find the same two as the parts {@code
 * codes} and {@code scales}.
 */
public final class Int8Codec implements Codec {
  private static final CodecId ID = new CodecId("int8");
  private static final int LAYOUT = 1;
  private static final String CODES = "int8.weight";
  private static final String SCALES = "int8.scale";

  /** GGUF's number for one signed byte after another. */
  private static final int GGML_I8 = 24;

  private static final StorageType F32 = new StorageType.Plain(ElementType.F32);

  /** Neighbouring weights that are decoded together at least, where rows can be cut so. */
  private static final int TILE = 64;

  /** Made by the service loader. */
  public Int8Codec() {}

  @Override
  public CodecId id() {
    return ID;
  }

  @Override
  public String description() {
    return "a byte per weight and a scale per row, 8 bits a weight";
  }

  @Override
  public Offer<EncodedLinear> claim(TensorGroup group) {
    if (!group.members().keySet().equals(Set.of(CODES, SCALES))) {
      return Offer.declined(
          "it reads '%1$s.%2$s' with '%1$s.%3$s' and nothing else"
              .formatted(group.stem(), CODES, SCALES));
    }
    Tensor codes = group.members().get(CODES);
    Tensor scales = group.members().get(SCALES);
    LinearShape shape = group.shape();
    long rows = (long) shape.experts() * shape.outputs();
    if (!isInt8(codes.type()) || !scales.type().equals(F32)) {
      return Offer.declined(
          "'%s' and '%s' should be I8 and F32, but are %s and %s"
              .formatted(codes.name(), scales.name(), codes.type(), scales.type()));
    }
    List<Long> matrix = List.of((long) shape.outputs(), (long) shape.inputs());
    List<Long> vector = List.of((long) shape.outputs());
    if (!codes.shape().equals(bank(shape, matrix)) || !scales.shape().equals(bank(shape, vector))) {
      return Offer.declined(
          "'%s' and '%s' have the shapes %s and %s, which do not make %s"
              .formatted(codes.name(), scales.name(), codes.shape(), scales.shape(), shape));
    }
    if (codes.bytes().byteSize() != shape.weights()
        || scales.bytes().byteSize() != rows * Float.BYTES) {
      return Offer.declined(
          "'%s' or '%s' has too few bytes or too many".formatted(codes.name(), scales.name()));
    }
    return Offer.accepted(linear(group, codes.bytes(), scales.bytes()));
  }

  private static boolean isInt8(StorageType type) {
    return type instanceof StorageType.Block(String namespace, int code, _)
        && namespace.equals("ggml")
        && code == GGML_I8;
  }

  private static List<Long> bank(LinearShape shape, List<Long> one) {
    if (shape.experts() == 1) {
      return one;
    }
    return one.size() == 1
        ? List.of((long) shape.experts(), one.getFirst())
        : List.of((long) shape.experts(), one.getFirst(), one.getLast());
  }

  private static EncodedLinear linear(
      TensorGroup group, MemorySegment codes, MemorySegment scales) {
    LinearShape shape = group.shape();
    TileGrid grid = new TileGrid(1, gcd(shape.inputs(), TILE));
    LinearForm form =
        new LinearForm.Tiled(
            new Rotation.Identity(),
            grid,
            new RowDecoder(shape, grid, codes, scales),
            new Rotation.Identity());
    return new EncodedLinear(
        group.id(), ID, LAYOUT, shape, form, Map.of("codes", codes, "scales", scales));
  }

  /** Tiles must fill a row. */
  private static int gcd(int a, int b) {
    return b == 0 ? a : gcd(b, a % b);
  }
}
