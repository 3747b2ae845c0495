package org.espalier.runtime.quantisation.pipeline;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException.InvalidRequest;
import org.espalier.api.codec.BlockQuantizer;
import org.espalier.api.codec.Codec;
import org.espalier.api.linear.Role;

/**
 * How the matrices of attention are stored instead of in codes.
 *
 * @param types by role; what has none is in codes
 */
public record AttentionTypes(Map<Role, StoredType> types) {
  /** All in codes. */
  public static final AttentionTypes NONE = new AttentionTypes(Map.of());

  private static final String CODES = "codes";
  private static final Map<String, Role> ROLES = roles();

  public AttentionTypes {
    types = Map.copyOf(types);
  }

  private static Map<String, Role> roles() {
    Map<String, Role> roles = new LinkedHashMap<>();
    roles.put("q", Role.QUERY);
    roles.put("k", Role.KEY);
    roles.put("v", Role.VALUE);
    roles.put("o", Role.ATTENTION_OUTPUT);
    return roles;
  }

  /**
   * Reads what users write: a type for all four matrices, {@code q5_0}, or types for some, {@code
   * v=q6_k,o=q5_0}.
   *
   * @param codecs that may offer types in blocks
   * @throws InvalidRequest when it is neither
   */
  public static AttentionTypes of(String text, List<Codec> codecs) {
    Map<Role, StoredType> types = new EnumMap<>(Role.class);
    if (!text.contains("=")) {
      Optional<StoredType> type = type(text, codecs);
      ROLES.values().forEach(role -> type.ifPresent(t -> types.put(role, t)));
      return new AttentionTypes(types);
    }
    HashSet<Role> named = new HashSet<>();
    for (String part : text.split(",", -1)) {
      String[] sides = part.split("=", 2);
      Role role = ROLES.get(sides[0]);
      if (role == null || sides.length < 2 || !named.add(role)) {
        throw new InvalidRequest(
            "--attention %s: '%s' should be one of q, k, v and o, each once, with = and a type"
                .formatted(text, part));
      }
      type(sides[1], codecs).ifPresent(type -> types.put(role, type));
    }
    return new AttentionTypes(types);
  }

  private static Optional<StoredType> type(String name, List<Codec> codecs) {
    if (name.equals(CODES)) {
      return Optional.empty();
    }
    List<StoredType> known = new ArrayList<>();
    for (Codec codec : codecs) {
      for (BlockQuantizer quantizer : codec.blockQuantizers()) {
        known.add(new StoredType.Blocks(quantizer));
      }
    }
    for (EmbeddingType type : EmbeddingType.values()) {
      known.add(new StoredType.Plain(type));
    }
    return Optional.of(
        known.stream()
            .filter(type -> type.name().equals(name))
            .findFirst()
            .orElseThrow(() ->
                new InvalidRequest(
                    "--attention: '%s' is none of %s and %s"
                        .formatted(
                            name,
                            String.join(", ", known.stream().map(StoredType::name).toList()),
                            CODES))));
  }

  /** The type of a role; empty where that is in codes. */
  Optional<StoredType> of(Role role) {
    return Optional.ofNullable(types.get(role));
  }

  /** As {@link #of(String, List)} reads it. */
  String text() {
    List<String> parts = new ArrayList<>();
    HashSet<String> names = new HashSet<>();
    ROLES.forEach((letter, role) -> {
      String name = of(role).map(StoredType::name).orElse(CODES);
      parts.add(letter + "=" + name);
      names.add(name);
    });
    return names.size() == 1 ? names.iterator().next() : String.join(",", parts);
  }
}
