package org.espalier.codec.ggml;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.tensor.StorageType;
import org.espalier.api.tensor.Tensor;
import org.espalier.testkit.contract.CodecContract;

class GgmlContractTest extends CodecContract {
  private static final LinearShape MATRIX = new LinearShape(1, 5, 512);
  private static final LinearShape BANK = new LinearShape(3, 2, 256);

  @Override
  protected Codec codec() {
    return new GgmlCodec();
  }

  @Override
  protected List<TensorGroup> own() {
    List<TensorGroup> groups = new ArrayList<>();
    for (BlockType type : BlockType.values()) {
      groups.add(Fixtures.group(type, MATRIX));
    }
    groups.add(Fixtures.group(BlockType.Q4_K, BANK));
    groups.add(Fixtures.group(BlockType.Q8_0, new LinearShape(2, 3, 32)));
    return groups;
  }

  /** The same bytes under another namespace, beside signs, and in rows that blocks do not fill. */
  @Override
  protected List<TensorGroup> foreign() {
    TensorGroup own = Fixtures.group(BlockType.Q4_K, MATRIX);
    Tensor weight = own.members().get("weight");
    Tensor other =
        new Tensor(
            weight.name(),
            new StorageType.Block("others", 12, "Q4_K"),
            weight.shape(),
            weight.bytes());
    Map<String, Tensor> signed = new HashMap<>(own.members());
    signed.put("sign_r.weight", weight);
    Tensor ragged = new Tensor(weight.name(), weight.type(), List.of(16L, 160L), weight.bytes());
    return List.of(
        new TensorGroup(own.id(), "namespace", own.shape(), Map.of("weight", other)),
        new TensorGroup(own.id(), "signed", own.shape(), signed),
        new TensorGroup(own.id(), "ragged", new LinearShape(1, 16, 160), Map.of("weight", ragged)));
  }
}
