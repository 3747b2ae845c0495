package org.espalier.arch.olmoe;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.model.Norm;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;

/** Reads the weights of norms, which files keep as F32, F16 or BF16, into F32 on the heap. */
final class NormWeights {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort BITS16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private NormWeights() {}

  /**
   * The norm of a tensor.
   *
   * @param width how many weights it must have
   * @throws MalformedModel when it has another shape, too few bytes, or weights that are no numbers
   * @throws Unsupported when it is stored in another way
   */
  static Norm norm(Tensor tensor, int width, float epsilon) {
    if (!tensor.shape().equals(List.of((long) width))) {
      throw new MalformedModel(
          "tensor '%s' has shape %s, expected [%d]"
              .formatted(tensor.name(), tensor.shape(), width));
    }
    if (!(tensor.type() instanceof StorageType.Plain(ElementType element))) {
      throw new Unsupported(
          "tensor '%s' is of type %s; norms must be F32, F16 or BF16"
              .formatted(tensor.name(), tensor.type()));
    }
    if (tensor.bytes().byteSize() < (long) width * element.bytes()) {
      throw new MalformedModel(
          "tensor '%s' needs %d bytes, but has %d"
              .formatted(tensor.name(), (long) width * element.bytes(), tensor.bytes().byteSize()));
    }
    MemorySegment weights = MemorySegment.ofArray(new float[width]);
    for (int i = 0; i < width; i++) {
      weights.setAtIndex(F32, i, finite(tensor, i, value(tensor.bytes(), element, i)));
    }
    return new Norm(weights, epsilon);
  }

  private static float value(MemorySegment bytes, ElementType element, int index) {
    return switch (element) {
      case F32 -> bytes.getAtIndex(F32, index);
      case F16 -> Float.float16ToFloat(bytes.getAtIndex(BITS16, index));
      case BF16 -> Float.intBitsToFloat(bytes.getAtIndex(BITS16, index) << Short.SIZE);
    };
  }

  private static float finite(Tensor tensor, int index, float value) {
    if (!Float.isFinite(value)) {
      throw new MalformedModel(
          "tensor '%s' holds %s at index %d; the weights of a norm must be finite numbers"
              .formatted(tensor.name(), value, index));
    }
    return value;
  }
}
