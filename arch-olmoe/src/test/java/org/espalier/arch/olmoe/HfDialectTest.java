package org.espalier.arch.olmoe;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.OptionalDouble;
import org.espalier.api.EspalierException;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.linear.LinearForm;
import org.espalier.api.linear.LinearShape;
import org.espalier.api.model.ModelPlan;
import org.espalier.api.model.Rope;
import org.espalier.api.model.Stage;
import org.espalier.api.tensor.ElementType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Checkpoints as Hugging Face lays them out. */
final class HfDialectTest {
  private final HfModel model = new HfModel();

  private Stage.Attention attention() {
    return assertInstanceOf(Stage.Attention.class, model.plan().stages().get(3));
  }

  private Stage.MixtureOfExperts mixture() {
    return assertInstanceOf(Stage.MixtureOfExperts.class, model.plan().stages().get(4));
  }

  private static void assertSays(EspalierException refusal, String... parts) {
    for (String part : parts) {
      assertTrue(refusal.getMessage().contains(part), part + " in: " + refusal.getMessage());
    }
  }

  private void assertUnsupported(String... parts) {
    assertSays(assertThrows(Unsupported.class, model::plan), parts);
  }

  private void assertMalformed(String... parts) {
    assertSays(assertThrows(MalformedModel.class, model::plan), parts);
  }

  @Test
  void numbersComeFromConfigJson() {
    ModelPlan plan = model.plan();
    assertEquals("olmoe", plan.architecture());
    assertEquals(12, plan.width());
    assertEquals(19, plan.vocabulary());
    assertEquals(64, plan.contextLength());
    assertEquals(6, plan.stages().size());
    Stage.Attention attention = attention();
    assertEquals(2, attention.heads());
    assertEquals(1, attention.keyValueHeads());
    assertEquals(6, attention.headDimension());
    assertEquals(new Rope(6, 500), attention.rope());
    assertEquals((float) (1 / Math.sqrt(6)), attention.scale());
    assertEquals(1e-5f, attention.norm().epsilon());
    assertEquals(OptionalDouble.empty(), attention.clip());
    Stage.MixtureOfExperts mixture = mixture();
    assertEquals(2, mixture.used());
    assertEquals(false, mixture.normalised());
    assertEquals(1, mixture.weightScale());
  }

  @Test
  void whatIsSetIsHeeded() {
    model.real("clip_qkv", 8.5);
    model.flag("norm_topk_prob", true);
    model.real("rope_parameters.rope_theta", 777);
    model.text("rope_parameters.rope_type", "default");
    assertEquals(OptionalDouble.of(8.5), attention().clip());
    assertTrue(mixture().normalised());
    assertEquals(777, attention().rope().base());
  }

  @Test
  void expertsOfABankStayWhereTheyAre() {
    Stage.MixtureOfExperts mixture = mixture();
    assertEquals(new LinearShape(4, 10, 12), mixture.gate().shape());
    assertEquals(new LinearShape(4, 10, 12), mixture.up().shape());
    assertEquals(new LinearShape(4, 12, 10), mixture.down().shape());
    LinearForm.Dense down = assertInstanceOf(LinearForm.Dense.class, mixture.down().form());
    for (int expert = 0; expert < HfModel.EXPERTS; expert++) {
      String name = "model.layers.1.mlp.experts." + expert + ".down_proj.weight";
      assertEquals(model.tensors.get(name).bytes(), down.matrices().get(expert));
    }
    assertEquals(ElementType.BF16, down.element());
  }

  @Test
  void normsBecomeF32() {
    assertEquals(12 * Float.BYTES, attention().queryNorm().orElseThrow().weight().byteSize());
    assertEquals(6, attention().keyNorm().orElseThrow().width());
  }

  @Test
  void aTiedHeadIsTheTokenTable() {
    model.flag("tie_word_embeddings", true);
    ModelPlan tied = model.plan();
    assertEquals(tied.linears().getFirst().form(), tied.linears().getLast().form());
    model.tensors.remove("lm_head.weight");
    assertEquals(tied.linears().getFirst().form(), model.plan().linears().getLast().form());
    model.flag("tie_word_embeddings", false);
    assertMalformed("lm_head.weight");
  }

  @Test
  void expertsOfOneBankAreOfOneType() {
    model.tensor("model.layers.1.mlp.experts.2.up_proj.weight", ElementType.F32, 10, 12);
    assertUnsupported("experts.2.up_proj", "F32", "BF16");
  }

  @Test
  void refusesTensorsWithoutAPlace() {
    for (String name :
        List.of(
            "model.layers.0.mlp.shared_expert.up_proj.weight",
            "model.layers.0.self_attn.q_proj.bias",
            "model.layers.0.mlp.experts.0.gate_proj.bias",
            "model.layers.0.mlp.experts.gate_up_proj",
            "model.layers.00.mlp.gate.weight",
            "model.rotary.inv_freq",
            "lm_head")) {
      model.tensor(name, 3, 3);
      assertUnsupported("'" + name + "'");
      model.tensors.remove(name);
    }
  }

  @Test
  void refusesMoreThanTheConfigSays() {
    model.tensor("model.layers.2.mlp.gate.weight", 4, 12);
    assertMalformed("'model.layers.2.mlp.gate.weight'", "2 layers");
    model.tensors.remove("model.layers.2.mlp.gate.weight");
    model.tensor("model.layers.1.mlp.experts.4.up_proj.weight", 10, 12);
    assertMalformed("experts.4.up_proj", "4 experts");
  }

  @Test
  void refusesMadeUpCounts() {
    model.whole("num_experts", Integer.MAX_VALUE);
    assertMalformed("2147483647 experts");
    model.whole("num_experts", 4);
    model.whole("num_hidden_layers", Integer.MAX_VALUE);
    assertMalformed("2147483647 layers");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "num_hidden_layers",
        "hidden_size",
        "max_position_embeddings",
        "intermediate_size",
        "num_attention_heads",
        "rms_norm_eps",
        "num_experts",
        "num_experts_per_tok"
      })
  void namesWhatIsMissing(String name) {
    model.metadata.remove("hf.config." + name);
    assertMalformed("hf.config." + name);
  }

  @Test
  void refusesWhatOlmoeDoesNotHave() {
    model.flag("attention_bias", true);
    assertUnsupported("attention_bias");
    model.flag("attention_bias", false);
    model.text("hidden_act", "gelu");
    assertUnsupported("hidden_act", "gelu");
    model.text("hidden_act", "silu");
    model.text("rope_scaling.type", "linear");
    assertUnsupported("rope_scaling.type");
    model.text("rope_scaling.type", "default");
    model.real("rope_scaling.factor", 2);
    assertUnsupported("rope_scaling.factor");
    model.metadata.remove("hf.config.rope_scaling.factor");
    model.whole("sliding_window", 4096);
    assertUnsupported("sliding_window");
    model.metadata.remove("hf.config.sliding_window");
    model.whole("head_dim", 8);
    assertUnsupported("head_dim");
    model.whole("head_dim", 6);
    assertEquals(6, attention().headDimension());
  }

  @Test
  void refusesHeadsThatDoNotDivideTheWidth() {
    model.whole("num_attention_heads", 5);
    assertMalformed("12", "5 attention heads");
  }
}
