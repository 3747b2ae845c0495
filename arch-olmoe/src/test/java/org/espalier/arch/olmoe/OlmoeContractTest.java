package org.espalier.arch.olmoe;

import static org.espalier.api.tensor.ElementType.F32;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.Real;
import org.espalier.api.format.MetadataValue.RealType;
import org.espalier.api.format.MetadataValue.Text;
import org.espalier.api.format.MetadataValue.Whole;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.model.Architecture;
import org.espalier.api.tensor.Tensor;
import org.espalier.testkit.contract.ArchitectureContract;
import org.espalier.testkit.fixture.MemoryArtifact;
import org.espalier.testkit.fixture.RandomTensors;

class OlmoeContractTest extends ArchitectureContract {
  private static final Map<String, Integer> CONFIG =
      Map.ofEntries(
          Map.entry("block_count", 2),
          Map.entry("embedding_length", 12),
          Map.entry("context_length", 64),
          Map.entry("feed_forward_length", 10),
          Map.entry("attention.head_count", 2),
          Map.entry("attention.head_count_kv", 1),
          Map.entry("attention.key_length", 6),
          Map.entry("rope.dimension_count", 6),
          Map.entry("expert_count", 4),
          Map.entry("expert_used_count", 2),
          Map.entry("vocab_size", 19));

  @Override
  protected Architecture architecture() {
    return new OlmoeArchitecture();
  }

  /** Without it the head is tied to the token table. */
  @Override
  protected Set<String> optionalTensors() {
    return Set.of("output.weight");
  }

  @Override
  protected ModelArtifact artifact() {
    Map<String, MetadataValue> metadata = new LinkedHashMap<>();
    metadata.put("general.architecture", new Text("olmoe"));
    CONFIG.forEach(
        (key, value) -> metadata.put("olmoe." + key, new Whole(WholeType.UINT32, value)));
    metadata.put("olmoe.attention.layer_norm_rms_epsilon", new Real(RealType.FLOAT32, 1e-5f));
    RandomTensors random = new RandomTensors(3);
    List<Tensor> tensors = new ArrayList<>();
    tensors.add(random.plain("token_embd.weight", F32, 19, 12));
    for (int layer = 0; layer < 2; layer++) {
      String block = "blk." + layer + ".";
      tensors.add(random.plain(block + "attn_norm.weight", F32, 12));
      tensors.add(random.plain(block + "attn_q_norm.weight", F32, 12));
      tensors.add(random.plain(block + "attn_k_norm.weight", F32, 6));
      tensors.add(random.plain(block + "attn_q.weight", F32, 12, 12));
      tensors.add(random.plain(block + "attn_k.weight", F32, 6, 12));
      tensors.add(random.plain(block + "attn_v.weight", F32, 6, 12));
      tensors.add(random.plain(block + "attn_output.weight", F32, 12, 12));
      tensors.add(random.plain(block + "ffn_norm.weight", F32, 12));
      tensors.add(random.plain(block + "ffn_gate_inp.weight", F32, 4, 12));
      tensors.add(random.plain(block + "ffn_gate_exps.weight", F32, 4, 10, 12));
      tensors.add(random.plain(block + "ffn_up_exps.weight", F32, 4, 10, 12));
      tensors.add(random.plain(block + "ffn_down_exps.weight", F32, 4, 12, 10));
    }
    tensors.add(random.plain("output_norm.weight", F32, 12));
    tensors.add(random.plain("output.weight", F32, 19, 12));
    return MemoryArtifact.of(metadata, tensors);
  }
}
