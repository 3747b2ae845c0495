package org.espalier.arch.olmoe;

import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;

/**
 * What an OLMoE's tensors are called in GGUF, and which may be there.
 *
 * <p>Names here are stems. A norm is one tensor, the stem and {@code .weight}; a linear is whatever
 * tensors begin with the stem and a dot, as its codec knows them.
 */
final class GgufTensors {
  static final String EMBEDDING = "token_embd";
  static final String OUTPUT_NORM = "output_norm";
  static final String OUTPUT = "output";

  /** Where the one tensor of a norm, or the main tensor of a linear, is found. */
  static final String WEIGHT = ".weight";

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

  private GgufTensors() {}

  /** The stem of a tensor of a layer, such as {@code "blk.3.attn_q"}. */
  static String inLayer(int layer, String name) {
    return "blk." + layer + "." + name;
  }

  /** Whether a linear of this stem is among the tensors. */
  static boolean hasLinear(Set<String> names, String stem) {
    return names.stream().anyMatch(name -> name.startsWith(stem + "."));
  }

  /**
   * Makes sure that every tensor of the file has a place in the model.
   *
   * @throws MalformedModel when there are more layers than the metadata say
   * @throws Unsupported when there is a tensor that OLMoE has no place for
   */
  static void requireNoOthers(Set<String> names, int layers) {
    for (String name : names) {
      Matcher layer = LAYER.matcher(name);
      if (!layer.matches()) {
        requireKnown(name, name, NORMS, LINEARS);
        continue;
      }
      if (Long.parseLong(layer.group(1)) >= layers) {
        throw new MalformedModel(
            "the file has a tensor '%s', but its metadata say that there are %d layers, counted"
                    .formatted(name, layers)
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
