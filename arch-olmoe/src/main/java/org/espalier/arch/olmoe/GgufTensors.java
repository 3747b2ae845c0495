package org.espalier.arch.olmoe;

import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.linear.Role;

/** The names in GGUF files, where the experts of a bank are a stack. */
final class GgufTensors implements TensorNames {
  private static final String EMBEDDING = "token_embd";
  private static final String OUTPUT_NORM = "output_norm";
  private static final String OUTPUT = "output";

  private static final Set<String> NORMS = Set.of(OUTPUT_NORM);
  private static final Set<String> LINEARS = Set.of(EMBEDDING, OUTPUT);
  private static final Set<String> LAYER_NORMS =
      Set.of("attn_norm", "attn_q_norm", "attn_k_norm", "ffn_norm");
  private static final Set<String> LAYER_LINEARS =
      Set.of(
          "attn_q",
          "attn_k",
          "attn_v",
          "attn_output",
          "ffn_gate_inp",
          "ffn_gate_exps",
          "ffn_up_exps",
          "ffn_down_exps");

  private static final Pattern LAYER = Pattern.compile("blk\\.(0|[1-9][0-9]{0,9})\\.(.+)");

  private final boolean tied;

  /**
   * @param tied whether the head is the token table
   */
  private GgufTensors(boolean tied) {
    this.tied = tied;
  }

  /** The names in a file with these tensors; without an output matrix the head is tied. */
  static GgufTensors of(Set<String> names) {
    return new GgufTensors(names.stream().noneMatch(name -> name.startsWith(OUTPUT + ".")));
  }

  /** The names in a file that is to be written. */
  static GgufTensors toWrite() {
    return new GgufTensors(false);
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
          case ATTENTION -> "attn_norm";
          case QUERY -> "attn_q_norm";
          case KEY -> "attn_k_norm";
          case EXPERTS -> "ffn_norm";
        });
  }

  @Override
  public String linear(int layer, Role role) {
    return switch (role) {
      case EMBEDDING -> embedding();
      case HEAD -> output();
      case QUERY -> inLayer(layer, "attn_q");
      case KEY -> inLayer(layer, "attn_k");
      case VALUE -> inLayer(layer, "attn_v");
      case ATTENTION_OUTPUT -> inLayer(layer, "attn_output");
      case ROUTER -> inLayer(layer, "ffn_gate_inp");
      case EXPERT_GATE -> inLayer(layer, "ffn_gate_exps");
      case EXPERT_UP -> inLayer(layer, "ffn_up_exps");
      case EXPERT_DOWN -> inLayer(layer, "ffn_down_exps");
    };
  }

  @Override
  public List<String> experts(int layer, Role role, int experts) {
    return List.of(linear(layer, role));
  }

  private static String inLayer(int layer, String name) {
    return "blk." + layer + "." + name;
  }

  @Override
  public void check(Set<String> names, OlmoeConfig config) {
    for (String name : names) {
      Matcher layer = LAYER.matcher(name);
      if (!layer.matches()) {
        requireKnown(name, name, NORMS, LINEARS);
        continue;
      }
      if (Long.parseLong(layer.group(1)) >= config.layers()) {
        throw new MalformedModel(
            "the file has a tensor '%s', but its metadata say that there are %d layers, counted"
                    .formatted(name, config.layers())
                + " from 0");
      }
      requireKnown(name, layer.group(2), LAYER_NORMS, LAYER_LINEARS);
    }
  }

  private static void requireKnown(
      String fullName, String name, Set<String> norms, Set<String> linears) {
    int dot = name.indexOf('.');
    String stem = dot < 0 ? name : name.substring(0, dot);
    String rest = dot < 0 ? "" : name.substring(dot);
    boolean known =
        norms.contains(stem) && rest.equals(WEIGHT)
            || linears.contains(stem) && !rest.isEmpty() && !rest.equals(".bias");
    if (!known) {
      throw new Unsupported(
          "the file has a tensor '%s', %s; without it the results would be wrong"
              .formatted(fullName, whatItIs(stem, rest)));
    }
  }

  private static String whatItIs(String stem, String rest) {
    if (rest.equals(".bias")) {
      return "but OLMoE has no biases";
    }
    return stem.endsWith("_shexp")
        ? "but OLMoE has no shared experts"
        : "for which OLMoE has no place";
  }
}
