package org.espalier.arch.olmoe;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.Offer;
import org.espalier.api.linear.EncodedLinear;
import org.espalier.api.model.ModelContent;
import org.espalier.api.model.ModelContent.Weights;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Norm;
import org.espalier.api.model.Stage;
import org.junit.jupiter.api.Test;

/** What is written is what would be read. */
final class GgufContentTest {
  private static ModelContent content(ModelPlan plan) {
    return new OlmoeArchitecture().content(plan).orElseThrow(Unsupported::new);
  }

  /** The same model again, from the keys and names of the content. */
  private static ModelPlan again(ModelContent content) {
    FakeModel file = new FakeModel();
    file.metadata.clear();
    file.metadata.putAll(content.metadata().entries());
    file.tensors.clear();
    Map<String, EncodedLinear> linears = new LinkedHashMap<>();
    for (Weights weights : content.weights()) {
      String name = weights.stem() + ".weight";
      switch (weights) {
        case Weights.Vector(_, Norm norm) ->
            file.tensor(name, FakeModel.F32, norm.weight(), norm.width());
        case Weights.Matrix(_, EncodedLinear linear) -> {
          linears.put(weights.stem(), linear);
          file.tensor(
              name,
              FakeModel.F32,
              MemorySegment.NULL,
              linear.shape().outputs(),
              linear.shape().inputs());
        }
      }
    }
    return new OlmoeArchitecture()
        .plan(
            file.artifact(),
            (id, stem, shape) -> {
              EncodedLinear linear = linears.get(stem);
              assertEquals(linear.shape(), shape);
              return new EncodedLinear(id, linear.codec(), 0, shape, linear.form(), Map.of());
            })
        .orElseThrow(Unsupported::new);
  }

  private static void assertSame(ModelPlan expected, ModelPlan actual) {
    assertEquals(expected.width(), actual.width());
    assertEquals(expected.vocabulary(), actual.vocabulary());
    assertEquals(expected.contextLength(), actual.contextLength());
    assertEquals(expected.stages().size(), actual.stages().size());
    for (int i = 0; i < expected.stages().size(); i++) {
      assertEquals(numbers(expected.stages().get(i)), numbers(actual.stages().get(i)));
    }
    for (int i = 0; i < expected.linears().size(); i++) {
      assertEquals(expected.linears().get(i).id(), actual.linears().get(i).id());
      assertEquals(expected.linears().get(i).form(), actual.linears().get(i).form());
    }
  }

  /** Everything about a stage that is not a weight matrix. */
  private static List<Object> numbers(Stage stage) {
    return switch (stage) {
      case Stage.Embedding _ -> List.of();
      case Stage.Attention a ->
          List.of(
              a.layer(),
              norm(a.norm()),
              norm(a.queryNorm().orElseThrow()),
              norm(a.keyNorm().orElseThrow()),
              a.clip(),
              a.rope(),
              a.heads(),
              a.keyValueHeads(),
              a.headDimension(),
              a.scale());
      case Stage.MixtureOfExperts m ->
          List.of(m.layer(), norm(m.norm()), m.used(), m.normalised(), m.weightScale());
      case Stage.Head h -> norm(h.norm());
    };
  }

  private static List<Object> norm(Norm norm) {
    float[] weights = norm.weights();
    List<Object> numbers = new ArrayList<>();
    numbers.add(norm.epsilon());
    for (float weight : weights) {
      numbers.add(weight);
    }
    return numbers;
  }

  @Test
  void aCheckpointBecomesTheSameModel() {
    HfModel model = new HfModel();
    model.real("clip_qkv", 3.25);
    model.flag("norm_topk_prob", true);
    assertSame(model.plan(), again(content(model.plan())));
  }

  @Test
  void rareNumbersAreNotLost() {
    FakeModel model = new FakeModel();
    model.whole("olmoe.attention.key_length", 2);
    model.whole("olmoe.rope.dimension_count", 2);
    model.real("olmoe.attention.scale", 0.3);
    model.real("olmoe.expert_weights_scale", 2.5);
    model.real("olmoe.rope.freq_base", 1234.5);
    assertSame(model.plan(), again(content(model.plan())));
  }

  @Test
  void keysAreThoseOfEverybody() {
    Set<String> keys = new TreeSet<>(content(new HfModel().plan()).metadata().entries().keySet());
    assertEquals(
        Set.of(
            "general.architecture",
            "olmoe.block_count",
            "olmoe.context_length",
            "olmoe.embedding_length",
            "olmoe.feed_forward_length",
            "olmoe.attention.head_count",
            "olmoe.attention.head_count_kv",
            "olmoe.attention.layer_norm_rms_epsilon",
            "olmoe.rope.freq_base",
            "olmoe.expert_count",
            "olmoe.expert_used_count",
            "olmoe.vocab_size"),
        keys);
  }

  @Test
  void aTiedHeadIsWrittenOnce() {
    HfModel model = new HfModel();
    model.flag("tie_word_embeddings", true);
    ModelContent content = content(model.plan());
    assertFalse(content.weights().stream().anyMatch(weights -> weights.stem().equals("output")));
    assertSame(model.plan(), again(content));
  }

  @Test
  void onlyWholeModelsOfItsOwn() {
    ModelPlan plan = new HfModel().plan();
    OlmoeArchitecture architecture = new OlmoeArchitecture();
    assertInstanceOf(Offer.Declined.class, architecture.content(plan.slice(0, 5)));
    assertInstanceOf(Offer.Declined.class, architecture.content(plan.slice(1, 6)));
    ModelPlan other = new ModelPlan("mamba", plan.width(), plan.vocabulary(), 64, plan.stages());
    assertTrue(
        architecture.content(other) instanceof Offer.Declined<ModelContent>(String reason)
            && reason.contains("mamba"));
  }
}
