package org.espalier.datasets;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.espalier.api.EspalierException.MalformedData;
import org.jspecify.annotations.Nullable;

/**
 * One row of a file, by fields. What a field should hold is known only to whoever asks, so every
 * question may find that the row is malformed, and says where.
 */
public final class DataRow {
  private final String place;
  private final Map<String, Object> fields;

  /**
   * A row.
   *
   * @param place file and line or row, for people: {@code "valid.jsonl, line 3"}
   * @param fields texts, numbers, booleans, lists and maps; none is null
   */
  DataRow(String place, Map<String, Object> fields) {
    this.place = place;
    this.fields = fields;
  }

  /** Where it stands, for people. */
  public String place() {
    return place;
  }

  /** Whether there is a value in a field. */
  public boolean has(String field) {
    return fields.get(field) != null;
  }

  /**
   * A text.
   *
   * @throws MalformedData when there is none
   */
  public String text(String field) {
    return value(field) instanceof String text ? text : wrong(field, "a text");
  }

  /**
   * A whole number, or a text that is one.
   *
   * @throws MalformedData when there is none
   */
  public int whole(String field) {
    try {
      return switch (value(field)) {
        case Integer number -> number;
        case Long number -> Math.toIntExact(number);
        case String text -> Integer.parseInt(text.strip());
        default -> wrong(field, "a whole number");
      };
    } catch (NumberFormatException | ArithmeticException _) {
      return wrong(field, "a whole number");
    }
  }

  /**
   * A list of texts.
   *
   * @throws MalformedData when there is none
   */
  public List<String> texts(String field) {
    List<String> texts = new ArrayList<>();
    for (Object element : list(field)) {
      texts.add(element instanceof String text ? text : wrong(field, "a list of texts"));
    }
    return List.copyOf(texts);
  }

  /**
   * A list of rows within this one.
   *
   * @throws MalformedData when there is none
   */
  public List<DataRow> rows(String field) {
    List<DataRow> rows = new ArrayList<>();
    for (Object element : list(field)) {
      rows.add(nested(field, element));
    }
    return List.copyOf(rows);
  }

  /** Whether a field holds a list. */
  public boolean isList(String field) {
    return fields.get(field) instanceof List<?>;
  }

  /** Whether a field holds a row within this one. */
  public boolean isRow(String field) {
    return fields.get(field) instanceof Map<?, ?>;
  }

  /**
   * A row within this one.
   *
   * @throws MalformedData when there is none
   */
  public DataRow row(String field) {
    return nested(field, value(field));
  }

  /** That something is wrong with this row. */
  public MalformedData malformed(String what) {
    return new MalformedData(place + ": " + what);
  }

  private DataRow nested(String field, @Nullable Object value) {
    if (value instanceof Map<?, ?> map) {
      @SuppressWarnings("unchecked") // as readers make them
      Map<String, Object> nested = (Map<String, Object>) map;
      return new DataRow(place, nested);
    }
    return wrong(field, "an object");
  }

  private List<?> list(String field) {
    return value(field) instanceof List<?> list ? list : wrong(field, "a list");
  }

  private Object value(String field) {
    Object value = fields.get(field);
    if (value == null) {
      throw malformed(
          "there is no field '%s'; there are: %s"
              .formatted(field, String.join(", ", fields.keySet())));
    }
    return value;
  }

  private <T> T wrong(String field, String expected) {
    throw malformed("the field '%s' is not %s".formatted(field, expected));
  }
}
