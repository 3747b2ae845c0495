package org.espalier.arch.olmoe;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.espalier.api.EspalierException.MalformedModel;
import org.espalier.api.EspalierException.Unsupported;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;

/**
 * Reads the configuration from the values of a checkpoint's {@code config.json}, which have keys
 * that begin with {@code hf.config.}
 *
 * <p>Without these there is no model: {@code num_hidden_layers}, {@code hidden_size}, {@code
 * max_position_embeddings}, {@code intermediate_size} (of an expert), {@code num_attention_heads},
 * {@code rms_norm_eps}, {@code num_experts}, {@code num_experts_per_tok}. The others have the value
 * in parentheses where they are absent: {@code num_key_value_heads} (num_attention_heads), {@code
 * rope_theta}, also within {@code rope_parameters} (10000), {@code clip_qkv} (none), {@code
 * norm_topk_prob} (false), {@code tie_word_embeddings} (false).
 */
final class HfConfig {
  static final String PREFIX = "hf.config.";

  private static final double DEFAULT_ROPE_BASE = 10_000;

  /** Where rotary positions may be described; newer files put the base there, too. */
  private static final List<String> ROPE = List.of("rope_scaling.", "rope_parameters.");

  private final Metadata metadata;
  private final ConfigKeys keys;

  private HfConfig(Metadata metadata) {
    this.metadata = metadata;
    this.keys = new ConfigKeys(metadata, PREFIX);
  }

  /** Whether these are the metadata of a checkpoint. */
  static boolean describes(Metadata metadata) {
    return metadata.entries().keySet().stream().anyMatch(key -> key.startsWith(PREFIX));
  }

  /** The names that the tensors of a checkpoint with these metadata have. */
  static TensorNames names(Metadata metadata) {
    return new HfTensors(new ConfigKeys(metadata, PREFIX).flag("tie_word_embeddings", false));
  }

  /**
   * The configuration.
   *
   * @throws MalformedModel when a value is missing, of another type, or out of bounds
   * @throws Unsupported when a value asks for what OLMoE does not have
   */
  static OlmoeConfig read(Metadata metadata) {
    return new HfConfig(metadata).config();
  }

  private OlmoeConfig config() {
    refuseForeign();
    int width = keys.count("hidden_size");
    int heads = keys.count("num_attention_heads");
    if (width % heads != 0) {
      throw new MalformedModel(
          "the checkpoint's width of %d cannot be divided into %d attention heads"
              .formatted(width, heads));
    }
    int headDimension = width / heads;
    return new OlmoeConfig(
        keys.count("num_hidden_layers"),
        width,
        keys.count("max_position_embeddings"),
        heads,
        keys.count("num_key_value_heads", heads),
        headDimension,
        headDimension,
        ropeBase(),
        keys.positive("rms_norm_eps"),
        keys.has("clip_qkv")
            ? OptionalDouble.of(keys.positive("clip_qkv"))
            : OptionalDouble.empty(),
        (float) (1 / Math.sqrt(headDimension)),
        keys.count("num_experts"),
        keys.count("num_experts_per_tok"),
        keys.count("intermediate_size"),
        keys.flag("norm_topk_prob", false),
        1);
  }

  private float ropeBase() {
    return keys.has("rope_parameters.rope_theta")
        ? keys.positive("rope_parameters.rope_theta")
        : keys.positive("rope_theta", DEFAULT_ROPE_BASE);
  }

  /** What would change the results and is not part of OLMoE. */
  private void refuseForeign() {
    if (keys.flag("attention_bias", false)) {
      throw foreign("attention_bias", "biases");
    }
    Optional<String> activation = metadata.text(PREFIX + "hidden_act");
    if (activation.isPresent() && !activation.get().equals("silu")) {
      throw foreign("hidden_act", "the activation '" + activation.get() + "'");
    }
    if (keys.has("head_dim")
        && (long) keys.count("head_dim") * keys.count("num_attention_heads")
            != keys.count("hidden_size")) {
      throw foreign("head_dim", "heads that are not a share of the width");
    }
    if (keys.has("sliding_window")) {
      throw foreign("sliding_window", "sliding-window attention");
    }
    for (String group : ROPE) {
      for (String key : metadata.entries().keySet()) {
        String start = PREFIX + group;
        if (key.startsWith(start) && !isPlainRope(key.substring(start.length()), key)) {
          throw foreign(key.substring(PREFIX.length()), "scaled rotary positions");
        }
      }
    }
  }

  private boolean isPlainRope(String name, String key) {
    return switch (name) {
      case "rope_theta" -> true;
      case "type", "rope_type" ->
          metadata.entries().get(key) instanceof MetadataValue.Text(String type)
              && type.equals("default");
      default -> false;
    };
  }

  private static Unsupported foreign(String name, String feature) {
    return new Unsupported(
        "'%s' in config.json asks for %s, which OLMoE does not have".formatted(name, feature));
  }
}
