package org.espalier.server.http;

import java.nio.charset.StandardCharsets;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** Reads and writes JSON, within limits. */
public final class Json {
  private static final int DEEPEST = 32;
  private static final int LONGEST_NUMBER = 64;

  private static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(DEEPEST)
                          .maxNumberLength(LONGEST_NUMBER)
                          .maxStringLength(Integer.MAX_VALUE) // the body is bounded already
                          .build())
                  .build())
          .build();

  private Json() {}

  /** An empty object. */
  public static ObjectNode object() {
    return MAPPER.createObjectNode();
  }

  /** An empty array. */
  public static ArrayNode array() {
    return MAPPER.createArrayNode();
  }

  /** The object that a body holds. */
  public static ObjectNode readObject(byte[] body) {
    try {
      JsonNode read = MAPPER.readTree(body);
      if (read instanceof ObjectNode object) {
        return object;
      }
    } catch (JacksonException e) {
      throw HttpFailure.badRequest("the body is not valid JSON: " + e.getOriginalMessage());
    }
    throw HttpFailure.badRequest("the body must be a JSON object, such as {\"prompt\": \"…\"}");
  }

  /** As UTF-8. */
  public static byte[] write(JsonNode node) {
    return MAPPER.writeValueAsBytes(node);
  }

  /** A text that can be written: unpaired surrogates become question marks. */
  public static String sound(String text) {
    return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
  }

  /** The body of an error. */
  public static ObjectNode error(HttpFailure failure) {
    ObjectNode error = object();
    error
        .putObject("error")
        .put("code", failure.status())
        .put("message", sound(String.valueOf(failure.getMessage())))
        .put("type", failure.type());
    return error;
  }
}
