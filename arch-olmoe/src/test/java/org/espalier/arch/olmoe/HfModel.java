package org.espalier.arch.olmoe;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.ModelArtifact;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.tensor.ElementType;
import org.espalier.api.tensor.Tensor;
import org.espalier.testkit.fixture.DenseBinder;
import org.espalier.testkit.fixture.MemoryArtifact;
import org.espalier.testkit.fixture.RandomTensors;

/**
 * A checkpoint in memory that a test can change before it is planned. As it stands: 2 layers, width
 * 12, 2 heads of 6 with 1 key-value head, 4 experts of width 10 of which 2 are used, a vocabulary
 * of 19, all in BF16.
 */
final class HfModel {
  static final int EXPERTS = 4;

  final Map<String, MetadataValue> metadata = new LinkedHashMap<>();
  final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private final RandomTensors random = new RandomTensors(4);

  HfModel() {
    metadata.put("general.architecture", new MetadataValue.Text("olmoe"));
    text("model_type", "olmoe");
    text("hidden_act", "silu");
    whole("num_hidden_layers", 2);
    whole("hidden_size", 12);
    whole("max_position_embeddings", 64);
    whole("intermediate_size", 10);
    whole("num_attention_heads", 2);
    whole("num_key_value_heads", 1);
    whole("num_experts", EXPERTS);
    whole("num_experts_per_tok", 2);
    whole("vocab_size", 19);
    real("rms_norm_eps", 1e-5);
    real("rope_theta", 500.0);
    flag("norm_topk_prob", false);
    flag("attention_bias", false);
    flag("tie_word_embeddings", false);
    tensor("model.embed_tokens.weight", 19, 12);
    for (int layer = 0; layer < 2; layer++) {
      addLayer("model.layers." + layer + ".");
    }
    tensor("model.norm.weight", 12);
    tensor("lm_head.weight", 19, 12);
  }

  private void addLayer(String prefix) {
    tensor(prefix + "input_layernorm.weight", 12);
    tensor(prefix + "self_attn.q_proj.weight", 12, 12);
    tensor(prefix + "self_attn.k_proj.weight", 6, 12);
    tensor(prefix + "self_attn.v_proj.weight", 6, 12);
    tensor(prefix + "self_attn.o_proj.weight", 12, 12);
    tensor(prefix + "self_attn.q_norm.weight", 12);
    tensor(prefix + "self_attn.k_norm.weight", 6);
    tensor(prefix + "post_attention_layernorm.weight", 12);
    tensor(prefix + "mlp.gate.weight", EXPERTS, 12);
    // In the order of names, as many files have them: the 10th expert before the 2nd.
    for (int expert = EXPERTS - 1; expert >= 0; expert--) {
      tensor(prefix + "mlp.experts." + expert + ".gate_proj.weight", 10, 12);
      tensor(prefix + "mlp.experts." + expert + ".up_proj.weight", 10, 12);
      tensor(prefix + "mlp.experts." + expert + ".down_proj.weight", 12, 10);
    }
  }

  void text(String name, String value) {
    metadata.put("hf.config." + name, new MetadataValue.Text(value));
  }

  void whole(String name, long value) {
    metadata.put(
        "hf.config." + name, new MetadataValue.Whole(MetadataValue.WholeType.INT64, value));
  }

  void real(String name, double value) {
    metadata.put(
        "hf.config." + name, new MetadataValue.Real(MetadataValue.RealType.FLOAT64, value));
  }

  void flag(String name, boolean value) {
    metadata.put("hf.config." + name, new MetadataValue.Flag(value));
  }

  void tensor(String name, long... shape) {
    tensor(name, ElementType.BF16, shape);
  }

  void tensor(String name, ElementType type, long... shape) {
    tensors.put(name, random.plain(name, type, shape));
  }

  ModelArtifact artifact() {
    List<Tensor> all = new ArrayList<>(tensors.values());
    return MemoryArtifact.of(metadata, all);
  }

  ModelPlan plan() {
    return new OlmoeArchitecture()
        .plan(artifact(), new DenseBinder(artifact()))
        .orElseThrow(Unsupported::new);
  }
}
