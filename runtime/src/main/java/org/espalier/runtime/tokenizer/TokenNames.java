package org.espalier.runtime.tokenizer;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The tokens as the file spells them, by id and back. Immutable. */
final class TokenNames {
  /** The id of no token. */
  static final int ABSENT = -1;

  private final List<String> names;
  private final Map<String, Integer> ids;

  /** Of two tokens with one name the first is the one that text becomes. */
  TokenNames(List<String> names) {
    this.names = List.copyOf(names);
    this.ids = HashMap.newHashMap(names.size());
    for (int id = 0; id < names.size(); id++) {
      ids.putIfAbsent(names.get(id), id);
    }
  }

  int size() {
    return names.size();
  }

  String name(int id) {
    return names.get(id);
  }

  /** The first token of this name, or {@link #ABSENT}. */
  int id(String name) {
    return ids.getOrDefault(name, ABSENT);
  }
}
