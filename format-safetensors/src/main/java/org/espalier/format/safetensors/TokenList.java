package org.espalier.format.safetensors;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.espalier.api.EspalierException.MalformedModel;

/**
 * All tokens by id, with their types as GGUF numbers them: 1 for the vocabulary, 3 (control) and 4
 * (user-defined) for added tokens that are special or not, 5 (unused) for what fills the rest.
 *
 * <p>The list is as long as the highest id asks for, added tokens included, which older files keep
 * out of the vocabulary; and at least as long as the embedding, whose last rows are often padding.
 * Fillers are called {@code [PAD4080]} after their id.
 */
final class TokenList {
  private static final long NORMAL = 1;
  private static final long CONTROL = 3;
  private static final long USER_DEFINED = 4;
  private static final long UNUSED = 5;

  /** Four times what the largest known vocabularies have. */
  private static final int MAXIMUM = 1 << 20;

  private final String where;
  private final List<String> texts = new ArrayList<>();
  private final List<Long> types = new ArrayList<>();
  private final Map<String, Integer> ids = new HashMap<>();

  private TokenList(String where) {
    this.where = where;
  }

  /**
   * Reads the tokens.
   *
   * @param tokenizer tokenizer.json
   * @param settings tokenizer_config.json, which may name further added tokens
   * @param rows of the embedding; 0 where that is not known
   */
  static TokenList read(JsonObject tokenizer, JsonObject settings, int rows) {
    TokenList tokens = new TokenList(tokenizer.where());
    JsonObject vocabulary = tokenizer.object("model").object("vocab");
    for (String text : vocabulary.members().keySet()) {
      tokens.add(id(vocabulary, text), text);
    }
    for (JsonObject token : tokenizer.objects("added_tokens")) {
      tokens.addAdded(id(token, "id"), token);
    }
    JsonObject more = settings.object("added_tokens_decoder");
    for (String key : more.members().keySet()) {
      int id = idOf(more, key);
      if (!tokens.isAdded(id)) {
        tokens.addAdded(id, more.object(key));
      }
    }
    if (tokens.texts.isEmpty()) {
      throw new MalformedModel("%s has no tokens".formatted(tokenizer.where()));
    }
    tokens.extend(Math.min(rows, MAXIMUM));
    return tokens;
  }

  /** All texts, fillers included. */
  List<String> texts() {
    return Collections.unmodifiableList(texts);
  }

  /** As many types. */
  List<Long> types() {
    return Collections.unmodifiableList(types);
  }

  /** The token with this text. */
  OptionalInt id(String text) {
    Integer id = ids.get(text);
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }

  private void add(int id, String text) {
    extend(id + 1);
    if (types.get(id) != UNUSED) {
      throw new MalformedModel(
          "%s gives the id %d to both '%s' and '%s'"
              .formatted(where, id, Quote.of(texts.get(id)), Quote.of(text)));
    }
    set(id, text, NORMAL);
  }

  /** What is added stands above what the vocabulary says, which may list it too. */
  private void addAdded(int id, JsonObject token) {
    String text = token.text("content").orElseThrow(() -> token.wrong("content", "a text"));
    extend(id + 1);
    set(id, text, token.flag("special").orElse(false) ? CONTROL : USER_DEFINED);
  }

  private boolean isAdded(int id) {
    return id < types.size() && (types.get(id) == CONTROL || types.get(id) == USER_DEFINED);
  }

  private void set(int id, String text, long type) {
    ids.remove(texts.set(id, text), id);
    types.set(id, type);
    ids.put(text, id);
  }

  private void extend(int size) {
    while (texts.size() < size) {
      texts.add("[PAD" + texts.size() + "]");
      types.add(UNUSED);
    }
  }

  private static int id(JsonObject object, String member) {
    OptionalLong id = object.whole(member);
    if (id.isEmpty() || id.getAsLong() < 0 || id.getAsLong() >= MAXIMUM) {
      throw object.wrong(member, "an id from 0 to " + (MAXIMUM - 1));
    }
    return (int) id.getAsLong();
  }

  private static int idOf(JsonObject object, String name) {
    if (!name.matches("[0-9]{1,7}") || Integer.parseInt(name) >= MAXIMUM) {
      throw object.wrong(name, "an id from 0 to " + (MAXIMUM - 1));
    }
    return Integer.parseInt(name);
  }
}
