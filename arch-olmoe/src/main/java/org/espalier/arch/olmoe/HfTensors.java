package org.espalier.arch.olmoe;

import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.linear.Role;

/** The names in Hugging Face checkpoints, where every expert is by itself. */
final class HfTensors implements TensorNames {
  private static final String EMBEDDING = "model.embed_tokens";
  private static final String OUTPUT_NORM = "model.norm";
  private static final String OUTPUT = "lm_head";

  private static final Set<String> OUTSIDE = Set.of(EMBEDDING, OUTPUT_NORM, OUTPUT);
  private static final Set<String> IN_LAYER =
      Set.of(
          "input_layernorm",
          "post_attention_layernorm",
          "self_attn.q_proj",
          "self_attn.k_proj",
          "self_attn.v_proj",
          "self_attn.o_proj",
          "self_attn.q_norm",
          "self_attn.k_norm",
          "mlp.gate");
  private static final Set<String> IN_EXPERT = Set.of("gate_proj", "up_proj", "down_proj");

  private static final Pattern LAYER =
      Pattern.compile("model\\.layers\\.(0|[1-9][0-9]{0,9})\\.(.+)");
  private static final Pattern EXPERT =
      Pattern.compile("mlp\\.experts\\.(0|[1-9][0-9]{0,9})\\.(.+)");

  private final boolean tied;

  /**
   * @param tied whether the head is the token table, whatever else the file has
   */
  HfTensors(boolean tied) {
    this.tied = tied;
  }

  @Override
  public String embedding() {
    return EMBEDDING;
  }

  @Override
  public String outputNorm() {
    return OUTPUT_NORM;
  }

  @Override
  public String output() {
    return tied ? EMBEDDING : OUTPUT;
  }

  @Override
  public String norm(int layer, LayerNorm norm) {
    return inLayer(
        layer,
        switch (norm) {
          case ATTENTION -> "input_layernorm";
          case QUERY -> "self_attn.q_norm";
          case KEY -> "self_attn.k_norm";
          case EXPERTS -> "post_attention_layernorm";
        });
  }

  @Override
  public String linear(int layer, Role role) {
    return switch (role) {
      case EMBEDDING -> embedding();
      case HEAD -> output();
      case QUERY -> inLayer(layer, "self_attn.q_proj");
      case KEY -> inLayer(layer, "self_attn.k_proj");
      case VALUE -> inLayer(layer, "self_attn.v_proj");
      case ATTENTION_OUTPUT -> inLayer(layer, "self_attn.o_proj");
      case ROUTER -> inLayer(layer, "mlp.gate");
      case EXPERT_GATE, EXPERT_UP, EXPERT_DOWN ->
          throw new IllegalArgumentException(role + " is no single matrix");
    };
  }

  @Override
  public List<String> experts(int layer, Role role, int experts) {
    String projection =
        switch (role) {
          case EXPERT_GATE -> "gate_proj";
          case EXPERT_UP -> "up_proj";
          case EXPERT_DOWN -> "down_proj";
          default -> throw new IllegalArgumentException(role + " is no bank of experts");
        };
    return IntStream.range(0, experts)
        .mapToObj(expert -> inLayer(layer, "mlp.experts." + expert + "." + projection))
        .toList();
  }

  private static String inLayer(int layer, String name) {
    return "model.layers." + layer + "." + name;
  }

  @Override
  public void check(Set<String> names, OlmoeConfig config) {
    if (config.experts() > names.size()) {
      throw new MalformedModel(
          "config.json says that there are %d experts, but the checkpoint has only %d tensors"
              .formatted(config.experts(), names.size()));
    }
    for (String name : names) {
      Matcher layer = LAYER.matcher(name);
      if (!layer.matches()) {
        requireKnown(name, name, OUTSIDE);
        continue;
      }
      requireCounted(name, layer.group(1), config.layers(), "layers");
      Matcher expert = EXPERT.matcher(layer.group(2));
      if (!expert.matches()) {
        requireKnown(name, layer.group(2), IN_LAYER);
        continue;
      }
      requireCounted(name, expert.group(1), config.experts(), "experts");
      requireKnown(name, expert.group(2), IN_EXPERT);
    }
  }

  private static void requireCounted(String name, String number, int count, String what) {
    if (Long.parseLong(number) >= count) {
      throw new MalformedModel(
          "the checkpoint has a tensor '%s', but its config.json says that there are %d %s, counted"
                  .formatted(name, count, what)
              + " from 0");
    }
  }

  /** After the stem may come whatever a codec understands. */
  private static void requireKnown(String fullName, String name, Set<String> stems) {
    boolean known = stems.stream().anyMatch(stem -> name.startsWith(stem + "."));
    if (!known || name.endsWith(".bias")) {
      throw new Unsupported(
          "the checkpoint has a tensor '%s', %s; without it the results would be wrong"
              .formatted(
                  fullName, known ? "but OLMoE has no biases" : "for which OLMoE has no place"));
    }
  }
}
