package org.espalier.datasets;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Map;
import org.espalier.api.EspalierException.MalformedData;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.jr.ob.JSON;

/** Lines of JSON, one object each; blank lines are passed over. */
final class JsonLines {
  /** A longer line is no row of a data set. */
  private static final int LONGEST_LINE = 64 << 20;

  private JsonLines() {}

  static void read(Path path, InputStream in, RowVisitor visitor) throws IOException {
    ByteArrayOutputStream line = new ByteArrayOutputStream();
    int number = 1;
    while (true) {
      int next = in.read();
      if (next == '\n' || next < 0) {
        boolean more = line.size() == 0 || visit(path, number, line.toByteArray(), visitor);
        if (next < 0 || !more) {
          return;
        }
        line.reset();
        number++;
      } else {
        if (line.size() == LONGEST_LINE) {
          throw malformed(path, number, "longer than %d MiB".formatted(LONGEST_LINE >> 20));
        }
        line.write(next);
      }
    }
  }

  private static boolean visit(Path path, int number, byte[] line, RowVisitor visitor) {
    String text = Utf8.decode(line).orElseThrow(() -> malformed(path, number, "not UTF-8")).strip();
    return text.isEmpty()
        || visitor.visit(new DataRow(path + ", line " + number, object(path, number, text)));
  }

  private static Map<String, Object> object(Path path, int number, String text) {
    try (JsonParser parser = JSON.std.createParser(text)) {
      if (JSON.std.anyFrom(parser) instanceof Map<?, ?> map && parser.nextToken() == null) {
        @SuppressWarnings("unchecked") // keys of JSON objects are strings
        Map<String, Object> fields = (Map<String, Object>) map;
        return fields;
      }
    } catch (JacksonException e) {
      throw new MalformedData(
          "%s, line %d: not valid JSON (%s, at column %d)"
              .formatted(
                  path,
                  number,
                  e.getOriginalMessage(),
                  e.getLocation() == null ? 0 : e.getLocation().getColumnNr()),
          e);
    }
    throw malformed(path, number, "not one JSON object");
  }

  private static MalformedData malformed(Path path, int number, String what) {
    return new MalformedData("%s, line %d: %s".formatted(path, number, what));
  }
}
