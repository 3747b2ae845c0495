package org.espalier.arch.olmoe;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.RealType;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.model.ModelContent;
import org.espalier.api.model.ModelContent.Weights;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Norm;
import org.espalier.api.model.Stage;
import org.espalier.arch.olmoe.TensorNames.LayerNorm;

/** Says in the keys and names of GGUF what a plan holds: what {@link GgufConfig} reads again. */
final class GgufContent {
  private final ModelPlan plan;
  private final TensorNames names = GgufTensors.toWrite();
  private final Map<String, MetadataValue> entries = new LinkedHashMap<>();
  private final List<Weights> weights = new ArrayList<>();

  private GgufContent(ModelPlan plan) {
    this.plan = plan;
  }

  /** The content of a whole model. */
  static ModelContent of(ModelPlan plan) {
    GgufContent content = new GgufContent(plan);
    content.describe();
    plan.stages().forEach(content::add);
    return new ModelContent(new Metadata(content.entries), content.weights);
  }

  private void describe() {
    List<Stage.Attention> attentions = stages(Stage.Attention.class);
    List<Stage.MixtureOfExperts> mixtures = stages(Stage.MixtureOfExperts.class);
    entries.put("general.architecture", new MetadataValue.Text(OlmoeArchitecture.ID));
    count("block_count", attentions.size());
    count("context_length", plan.contextLength());
    count("embedding_length", plan.width());
    count("feed_forward_length", mixtures.getFirst().gate().shape().outputs());
    describe(attentions.getFirst());
    describe(mixtures.getFirst());
    count("vocab_size", plan.vocabulary());
  }

  /**
   * All layers are alike. What is as everywhere has no key, so that older readers take the file.
   */
  private void describe(Stage.Attention attention) {
    int head = attention.headDimension();
    count("attention.head_count", attention.heads());
    count("attention.head_count_kv", attention.keyValueHeads());
    if (head * attention.heads() != plan.width()) {
      count("attention.key_length", head);
      count("attention.value_length", head);
    }
    real("rope.freq_base", attention.rope().base());
    if (attention.rope().dimensions() != head) {
      count("rope.dimension_count", attention.rope().dimensions());
    }
    real("attention.layer_norm_rms_epsilon", attention.norm().epsilon());
    attention.clip().ifPresent(clip -> real("attention.clamp_kqv", (float) clip));
    if (attention.scale() != (float) (1 / Math.sqrt(head))) {
      real("attention.scale", attention.scale());
    }
  }

  private void describe(Stage.MixtureOfExperts mixture) {
    count("expert_count", mixture.experts());
    count("expert_used_count", mixture.used());
    if (mixture.normalised()) {
      entries.put(GgufConfig.PREFIX + "expert_weights_norm", new MetadataValue.Flag(true));
    }
    if (mixture.weightScale() != 1) {
      real("expert_weights_scale", mixture.weightScale());
    }
  }

  private void add(Stage stage) {
    switch (stage) {
      case Stage.Embedding(EncodedLinear table) -> matrix(table);
      case Stage.Attention attention -> {
        int layer = attention.layer();
        vector(layer, LayerNorm.ATTENTION, attention.norm());
        attention.queryNorm().ifPresent(norm -> vector(layer, LayerNorm.QUERY, norm));
        attention.keyNorm().ifPresent(norm -> vector(layer, LayerNorm.KEY, norm));
        attention.linears().forEach(this::matrix);
      }
      case Stage.MixtureOfExperts mixture -> {
        vector(mixture.layer(), LayerNorm.EXPERTS, mixture.norm());
        mixture.linears().forEach(this::matrix);
      }
      case Stage.Head head -> {
        weights.add(new Weights.Vector(names.outputNorm(), head.norm()));
        if (!isTied(head)) {
          matrix(head.output());
        }
      }
    }
  }

  /** Whether the head is the token table: the same memory, not just the same numbers. */
  private boolean isTied(Stage.Head head) {
    return stages(Stage.Embedding.class).stream()
        .anyMatch(embedding -> embedding.table().form().equals(head.output().form()));
  }

  private void vector(int layer, LayerNorm which, Norm norm) {
    weights.add(new Weights.Vector(names.norm(layer, which), norm));
  }

  private void matrix(EncodedLinear linear) {
    weights.add(new Weights.Matrix(names.linear(linear.id().layer(), linear.id().role()), linear));
  }

  private <S extends Stage> List<S> stages(Class<S> kind) {
    return plan.stages().stream().filter(kind::isInstance).map(kind::cast).toList();
  }

  private void count(String name, int value) {
    entries.put(GgufConfig.PREFIX + name, new MetadataValue.Whole(WholeType.UINT32, value));
  }

  private void real(String name, float value) {
    entries.put(GgufConfig.PREFIX + name, new MetadataValue.Real(RealType.FLOAT32, value));
  }
}
