package org.espalier.examples.codec;

import java.util.List;
import java.util.Map;
import java.util.Random;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;
import org.espalier.testkit.contract.CodecContract;

class Int8ContractTest extends CodecContract {
  @Override
  protected Codec codec() {
    return new Int8Codec();
  }

  @Override
  protected List<TensorGroup> own() {
    return List.of(
        random("matrix", new LinearShape(1, 5, 192)),
        random("odd", new LinearShape(1, 3, 7)),
        random("bank", new LinearShape(3, 4, 128)));
  }

  /** One codec too many, a stranger's eight bits, and a bank with the shape of one matrix. */
  @Override
  protected List<TensorGroup> foreign() {
    TensorGroup own = random("own", new LinearShape(2, 4, 64));
    Tensor codes = own.members().get("int8.weight");
    Tensor scales = own.members().get("int8.scale");
    Tensor strange =
        new Tensor(
            codes.name(), new StorageType.Block("others", 24, "I8"), codes.shape(), codes.bytes());
    Tensor flat = new Tensor(codes.name(), codes.type(), List.of(8L, 64L), codes.bytes());
    return List.of(
        group("beside others", own, Map.of("int8.weight", codes, "int8.scale", scales, "x", codes)),
        group("a stranger's", own, Map.of("int8.weight", strange, "int8.scale", scales)),
        group("flat", own, Map.of("int8.weight", flat, "int8.scale", scales)));
  }

  private static TensorGroup group(String stem, TensorGroup like, Map<String, Tensor> members) {
    return new TensorGroup(like.id(), stem, like.shape(), members);
  }

  static TensorGroup random(String stem, LinearShape shape) {
    return RowEncoder.encode(stem, shape, weights(shape));
  }

  static float[] weights(LinearShape shape) {
    Random random = new Random(shape.hashCode());
    float[] weights = new float[Math.toIntExact(shape.weights())];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = (float) random.nextGaussian();
    }
    return weights;
  }
}
