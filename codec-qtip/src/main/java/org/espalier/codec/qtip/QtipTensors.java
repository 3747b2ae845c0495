package org.espalier.codec.qtip;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.espalier.api.Offer;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;

/**
 * The three tensors of one bank, recognised and checked.
 *
 * @param tiles exactly one block per tile
 * @param inputSigns F32, [experts × inputs]
 * @param outputSigns F32, [experts × outputs]
 */
record QtipTensors(MemorySegment tiles, MemorySegment inputSigns, MemorySegment outputSigns) {
  static final String TILES = "weight";
  static final String INPUT_SIGNS = "sign_r.weight";
  static final String OUTPUT_SIGNS = "sign_l.weight";
  static final StorageType.Block TYPE = new StorageType.Block("ggml", 41, "QTIP_2B");

  /**
   * Inputs are at least this many: a block of 256 weights must not span rows in ggml's counting.
   */
  static final int MINIMUM_INPUTS = 256;

  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** The tensors of a group, or why they are not QTIP_2B, or what is broken about them. */
  static Offer<QtipTensors> of(TensorGroup group) {
    try {
      return Offer.accepted(read(group));
    } catch (Refusal refusal) {
      return Offer.declined(refusal.getMessage());
    }
  }

  private static QtipTensors read(TensorGroup group) throws Refusal {
    Tensor weight = recognise(group);
    LinearShape shape = group.shape();
    requireShape(weight, matrixShape(shape), shape.experts() == 1);
    requireHadamardDimensions(group.stem(), shape);
    Map<String, Tensor> members = group.members();
    MemorySegment tiles = data(weight, weight.elements() / TileBlock.WEIGHTS * TileBlock.BYTES);
    return new QtipTensors(
        tiles,
        signs(members.get(INPUT_SIGNS), shape.experts(), shape.inputs()),
        signs(members.get(OUTPUT_SIGNS), shape.experts(), shape.outputs()));
  }

  /** Whether the group is of this type at all; the number alone does not tell. */
  private static Tensor recognise(TensorGroup group) throws Refusal {
    String stem = group.stem();
    Tensor weight = group.members().get(TILES);
    if (weight == null) {
      throw new Refusal("there is no tensor '%s.%s'".formatted(stem, TILES));
    }
    if (!(weight.type() instanceof StorageType.Block(String namespace, int code, _))
        || !namespace.equals(TYPE.namespace())
        || code != TYPE.code()) {
      throw new Refusal(
          "'%s' is of type %s, not QTIP_2B (ggml type 41)".formatted(weight.name(), weight.type()));
    }
    requireSiblings(group, weight);
    return weight;
  }

  private static void requireSiblings(TensorGroup group, Tensor weight) throws Refusal {
    String stem = group.stem();
    Set<String> missing = new TreeSet<>(Set.of(INPUT_SIGNS, OUTPUT_SIGNS));
    missing.removeAll(group.members().keySet());
    if (missing.size() == 2) {
      throw new Refusal(
          ("'%s' has ggml type 41 but no '%s.%s' and '%s.%s' beside it, so it is not QTIP_2B: other"
                  + " projects use number 41 for types of their own")
              .formatted(weight.name(), stem, INPUT_SIGNS, stem, OUTPUT_SIGNS));
    }
    if (!missing.isEmpty()) {
      throw new Refusal(
          "'%s' is QTIP_2B, but '%s.%s' is missing"
              .formatted(weight.name(), stem, missing.iterator().next()));
    }
    Set<String> unknown = new TreeSet<>(group.members().keySet());
    unknown.removeAll(Set.of(TILES, INPUT_SIGNS, OUTPUT_SIGNS));
    if (!unknown.isEmpty()) {
      throw new Refusal(
          "'%s' is QTIP_2B, but beside it is '%s.%s', which QTIP_2B has no meaning for"
              .formatted(weight.name(), stem, unknown.iterator().next()));
    }
  }

  private static void requireHadamardDimensions(String stem, LinearShape shape) throws Refusal {
    if (!holds(shape)) {
      throw new Refusal("'%s.%s' is QTIP_2B, but %s".formatted(stem, TILES, whyNotHeld(shape)));
    }
  }

  /** Whether QTIP_2B can hold matrices of this shape. */
  static boolean holds(LinearShape shape) {
    return Integer.bitCount(shape.outputs()) == 1
        && shape.outputs() >= TileBlock.SIDE
        && Integer.bitCount(shape.inputs()) == 1
        && shape.inputs() >= MINIMUM_INPUTS;
  }

  /** What stands in the way where {@link #holds} is false. */
  static String whyNotHeld(LinearShape shape) {
    return "%d outputs × %d inputs do not fit: both must be powers of two, at least %d and %d"
        .formatted(shape.outputs(), shape.inputs(), TileBlock.SIDE, MINIMUM_INPUTS);
  }

  private static MemorySegment signs(Tensor tensor, int experts, int dimension) throws Refusal {
    if (!tensor.type().equals(new StorageType.Plain(ElementType.F32))) {
      throw new Refusal("'%s' is of type %s, not F32".formatted(tensor.name(), tensor.type()));
    }
    requireShape(tensor, signShape(experts, dimension), experts == 1);
    MemorySegment signs = data(tensor, tensor.elements() * Float.BYTES);
    for (long i = 0; i < tensor.elements(); i++) {
      float sign = signs.getAtIndex(F32, i);
      if (!Float.isFinite(sign)) {
        throw new Refusal(
            "'%s' holds %s at index %d; signs must be finite numbers"
                .formatted(tensor.name(), sign, i));
      }
    }
    return signs;
  }

  /** How the tile tensor of a bank is listed. */
  static List<Long> matrixShape(LinearShape shape) {
    long outputs = shape.outputs();
    long inputs = shape.inputs();
    return shape.experts() == 1
        ? List.of(outputs, inputs)
        : List.of((long) shape.experts(), outputs, inputs);
  }

  /** How a sign tensor of a bank is listed. */
  static List<Long> signShape(int experts, int dimension) {
    return experts == 1 ? List.of((long) dimension) : List.of((long) experts, (long) dimension);
  }

  /** A bank of one may also be listed as a stack of one. */
  private static void requireShape(Tensor tensor, List<Long> expected, boolean single)
      throws Refusal {
    List<Long> found = tensor.shape();
    boolean stackOfOne = single && found.size() == expected.size() + 1 && found.getFirst() == 1;
    if (!(stackOfOne ? found.subList(1, found.size()) : found).equals(expected)) {
      throw new Refusal("'%s' has shape %s, expected %s".formatted(tensor.name(), found, expected));
    }
  }

  private static MemorySegment data(Tensor tensor, long needed) throws Refusal {
    if (tensor.bytes().byteSize() < needed) {
      throw new Refusal(
          "'%s' needs %d bytes, but the file has room for %d only"
              .formatted(tensor.name(), needed, tensor.bytes().byteSize()));
    }
    return tensor.bytes().asSlice(0, needed);
  }

  /** Carries the sentence from where a fault is found to the offer that is declined. */
  private static final class Refusal extends Exception {
    private static final long serialVersionUID = 1L;

    Refusal(String message) {
      super(message, null, false, false);
    }
  }
}
