package org.espalier.examples.codec;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;

/** Encodes matrices: the largest weight of a row becomes ±127. */
final class RowEncoder {
  static final StorageType I8 = new StorageType.Block("ggml", 24, "I8");
  static final StorageType F32 = new StorageType.Plain(ElementType.F32);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private RowEncoder() {}

  /** The scale of a row. */
  static float scale(float[] weights, int from, int inputs) {
    float largest = 0;
    for (int i = 0; i < inputs; i++) {
      largest = Math.max(largest, Math.abs(weights[from + i]));
    }
    return largest / 127;
  }

  /** The tensors of a bank, [experts × outputs × inputs], as a file holds them. */
  static TensorGroup encode(String stem, LinearShape shape, float[] weights) {
    int rows = shape.experts() * shape.outputs();
    int inputs = shape.inputs();
    MemorySegment codes = Arena.ofAuto().allocate((long) rows * inputs);
    MemorySegment scales = Arena.ofAuto().allocate((long) rows * Float.BYTES);
    for (int row = 0; row < rows; row++) {
      float scale = scale(weights, row * inputs, inputs);
      scales.setAtIndex(FLOAT, row, scale);
      for (int i = 0; i < inputs; i++) {
        float code = scale == 0 ? 0 : weights[row * inputs + i] / scale;
        codes.set(ValueLayout.JAVA_BYTE, (long) row * inputs + i, (byte) Math.round(code));
      }
    }
    long experts = shape.experts();
    long outputs = shape.outputs();
    return new TensorGroup(
        new OperatorId(0, experts == 1 ? Role.QUERY : Role.EXPERT_UP),
        stem,
        shape,
        Map.of(
            "int8.weight",
            new Tensor(
                stem + ".int8.weight",
                I8,
                experts == 1
                    ? List.of(outputs, (long) inputs)
                    : List.of(experts, outputs, (long) inputs),
                codes.asReadOnly()),
            "int8.scale",
            new Tensor(
                stem + ".int8.scale",
                F32,
                experts == 1 ? List.of(outputs) : List.of(experts, outputs),
                scales.asReadOnly())));
  }
}
