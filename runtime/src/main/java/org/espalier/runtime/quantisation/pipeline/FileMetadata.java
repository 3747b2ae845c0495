package org.espalier.runtime.quantisation.pipeline;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.RealType;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.api.model.ModelContent;
import org.espalier.runtime.conversion.CompleteMetadata;

/** What a quantised file says about itself. */
final class FileMetadata {
  /** What every key of this project's own begins with. */
  private static final String PREFIX = "espalier.quantisation.";

  /** GGUF has no number for files of types that ggml does not know: this one means "guessed". */
  private static final int GUESSED = 1024;

  /** What {@code tokenizer.ggml.token_type} calls a filler. */
  private static final long UNUSED = 5;

  private static final String TOKENS = "tokenizer.ggml.tokens";

  private static final Set<String> PUBLISHED_TOKENIZER_KEYS =
      Set.of("tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.merges");

  private FileMetadata() {}

  /** Everything, and where it comes from. */
  static Metadata complete(
      Metadata source,
      ModelContent content,
      QuantizationOptions options,
      Map<String, MetadataValue> provenance) {
    Metadata complete = CompleteMetadata.of(source, content, options.name(), GUESSED);
    Map<String, MetadataValue> own = new LinkedHashMap<>();
    provenance.forEach((key, value) -> own.put(PREFIX + key, value));
    return complete.with(own);
  }

  /**
   * The keys that the published files have, and no others unless the model would compute something
   * else without.
   */
  static Metadata published(
      Metadata source, ModelContent content, QuantizationOptions options, int vocabulary) {
    Map<String, MetadataValue> entries = new LinkedHashMap<>();
    String architecture = content.metadata().text("general.architecture").orElse("");
    entries.put("general.architecture", text(architecture));
    entries.put(
        "general.name",
        text(options.name().or(() -> source.text("general.name")).orElse("QTIP-2bit")));
    content
        .metadata()
        .entries()
        .forEach((key, value) -> {
          if (key.startsWith(architecture + ".")) {
            entries.put(key, value);
          }
        });
    entries.put(architecture + ".vocab_size", whole(vocabulary));
    entries.putIfAbsent(architecture + ".expert_weights_scale", real(1));
    source
        .entries()
        .forEach((key, value) -> {
          if (PUBLISHED_TOKENIZER_KEYS.contains(key)) {
            entries.put(
                key,
                value instanceof MetadataValue.Texts texts && key.equals(TOKENS)
                    ? new MetadataValue.Texts(
                        texts.values().subList(0, Math.min(vocabulary, texts.values().size())))
                    : value);
          }
        });
    return new Metadata(entries);
  }

  /**
   * How many rows of token table and head published files keep: one for each token, fillers at the
   * end of the list left out.
   */
  static int publishedVocabulary(Metadata source, int rows) {
    List<String> tokens = source.texts(TOKENS).orElse(List.of());
    List<Long> types = source.wholes("tokenizer.ggml.token_type").orElse(List.of());
    int count = tokens.isEmpty() ? rows : Math.min(tokens.size(), rows);
    while (count > 1 && count <= types.size() && types.get(count - 1) == UNUSED) {
      count--;
    }
    return count;
  }

  /** How many rows of token table and head a file keeps. */
  static int vocabulary(ModelSource source, QuantizationOptions options) {
    return options.compatible()
        ? publishedVocabulary(source.artifact().metadata(), source.plan().vocabulary())
        : source.plan().vocabulary();
  }

  static MetadataValue text(String value) {
    return new MetadataValue.Text(value);
  }

  static MetadataValue whole(long value) {
    return new MetadataValue.Whole(WholeType.UINT32, value);
  }

  static MetadataValue wholeSigned(long value) {
    return new MetadataValue.Whole(WholeType.INT64, value);
  }

  static MetadataValue real(double value) {
    return new MetadataValue.Real(RealType.FLOAT32, value);
  }

  static MetadataValue reals(List<Double> values) {
    return new MetadataValue.Reals(RealType.FLOAT32, values);
  }
}
