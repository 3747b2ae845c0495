package org.espalier.codec.qtip;

import java.util.List;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.codec.Codec;
import org.espalier.api.codec.Packing;
import org.espalier.api.codec.TensorGroup;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.linear.OperatorId;
import org.espalier.api.linear.Role;
import org.espalier.testkit.contract.CodecContract;
import org.espalier.testkit.fixture.RandomTensors;

class QtipContractTest extends CodecContract {
  @Override
  protected Codec codec() {
    return new QtipCodec();
  }

  @Override
  protected List<TensorGroup> own() {
    return List.of(
        group("blk.0.attn_q", Role.QUERY, new LinearShape(1, 32, 256)),
        group("blk.0.ffn_gate_exps", Role.EXPERT_GATE, new LinearShape(3, 16, 256)));
  }

  private TensorGroup group(String stem, Role role, LinearShape shape) {
    Packing packing = codec().packing(shape).orElseThrow(Unsupported::new);
    return new RandomTensors(1).packed(new OperatorId(0, role), stem, packing);
  }
}
