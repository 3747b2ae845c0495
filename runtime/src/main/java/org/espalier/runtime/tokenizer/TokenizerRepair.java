package org.espalier.runtime.tokenizer;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.espalier.api.format.Metadata;
import org.espalier.api.format.MetadataValue;
import org.espalier.api.format.MetadataValue.Flag;
import org.espalier.api.format.MetadataValue.Text;
import org.espalier.api.format.MetadataValue.Whole;
import org.espalier.api.format.MetadataValue.WholeType;
import org.espalier.api.format.MetadataValue.Wholes;

/** Spells out what a file leaves open about its tokenizer, so that every reader reads it alike. */
public final class TokenizerRepair {
  private static final String PREFIX = "tokenizer.ggml.";

  private TokenizerRepair() {}

  /**
   * The entries that the metadata lack, or have in a form that says nothing, as {@link
   * Tokenizer#of} reads them. With them the tokenizer is the same, and no notices are left.
   *
   * @param notices receives one sentence for every repair
   * @return by key; empty when nothing is missing
   * @throws org.espalier.api.EspalierException when there is no usable tokenizer to begin with
   */
  public static Map<String, MetadataValue> missing(Metadata metadata, Consumer<String> notices) {
    TokenizerDefinition definition =
        new DefinitionReader(metadata, TokenizerCompatibility.HUGGING_FACE, notices).read();
    Map<String, MetadataValue> spelled = new LinkedHashMap<>();
    spelled.put("model", new Text("gpt2"));
    spelled.put("pre", new Text(definition.preTokenizer().name()));
    spelled.put("token_type", types(definition.vocabulary()));
    id(definition.special().end(), "eos_token_id", spelled);
    id(definition.special().padding(), "padding_token_id", spelled);
    spelled.put("add_bos_token", new Flag(definition.special().addsBeginning()));
    Map<String, MetadataValue> missing = new LinkedHashMap<>();
    spelled.forEach((name, value) -> {
      String key = PREFIX + name;
      if (!metadata.has(key) || saysNothing(name, metadata, definition)) {
        missing.put(key, value);
      }
    });
    return missing;
  }

  /** Entries that the reader passes over. */
  private static boolean saysNothing(
      String name, Metadata metadata, TokenizerDefinition definition) {
    String key = PREFIX + name;
    return switch (name) {
      case "pre" -> metadata.text(key).orElseThrow().equals("default");
      case "eos_token_id", "padding_token_id" -> {
        long id = metadata.whole(key).orElseThrow();
        yield id < 0 || id >= definition.vocabulary().size();
      }
      default -> false;
    };
  }

  private static Wholes types(Vocabulary vocabulary) {
    List<Long> numbers =
        IntStream.range(0, vocabulary.size()).mapToObj(id -> vocabulary.kind(id).number()).toList();
    return new Wholes(WholeType.INT32, numbers);
  }

  private static void id(OptionalInt token, String name, Map<String, MetadataValue> spelled) {
    token.ifPresent(id -> spelled.put(name, new Whole(WholeType.UINT32, id)));
  }
}
