package org.espalier.datasets;

import dev.hardwood.InputFile;
import dev.hardwood.reader.ParquetFileReader;
import dev.hardwood.reader.RowReader;
import dev.hardwood.row.FieldAccessor;
import dev.hardwood.row.PqList;
import dev.hardwood.row.PqStruct;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.espalier.api.EspalierException;
import org.espalier.api.EspalierException.MalformedData;
import org.jspecify.annotations.Nullable;

/** Rows of a Parquet table. */
final class ParquetRows {
  private ParquetRows() {}

  static void read(Path path, RowVisitor visitor) {
    long number = 0;
    try (ParquetFileReader file = ParquetFileReader.open(InputFile.of(path));
        RowReader rows = file.rowReader()) {
      while (rows.hasNext()) {
        rows.next();
        number++;
        if (!visitor.visit(new DataRow(path + ", row " + number, fields(rows)))) {
          return;
        }
      }
    } catch (EspalierException e) {
      throw e; // of the visitor
    } catch (IOException | RuntimeException | LinkageError e) {
      // The reader promises no particular exception, neither for a broken file nor for a
      // compression
      // whose library is missing.
      throw new MalformedData(
          "%s cannot be read after row %d (%s): it is damaged, or compressed in a way whose library is not on the module path"
              .formatted(path, number, reasons(e)),
          e);
    }
  }

  private static String reasons(Throwable failure) {
    StringBuilder reasons = new StringBuilder(String.valueOf(failure.getMessage()));
    Throwable cause = failure.getCause();
    for (int depth = 0; cause != null && depth < 4; depth++) {
      reasons.append(": ").append(cause.getMessage());
      cause = cause.getCause();
    }
    return reasons.toString();
  }

  private static Map<String, Object> fields(FieldAccessor row) {
    Map<String, Object> fields = new LinkedHashMap<>();
    for (int i = 0; i < row.getFieldCount(); i++) {
      String name = row.getFieldName(i);
      if (!row.isNull(name)) {
        Object value = plain(row.getValue(name));
        if (value != null) {
          fields.put(name, value);
        }
      }
    }
    return fields;
  }

  private static @Nullable Object plain(@Nullable Object value) {
    return switch (value) {
      case PqStruct struct -> fields(struct);
      case PqList list -> elements(list);
      case byte[] bytes -> {
        Optional<String> text = Utf8.decode(bytes);
        yield text.isPresent() ? text.get() : bytes;
      }
      case null -> null;
      default -> value;
    };
  }

  private static List<Object> elements(PqList list) {
    List<Object> elements = new ArrayList<>(list.size());
    for (Object element : list.values()) {
      Object value = plain(element);
      if (value != null) {
        elements.add(value);
      }
    }
    return elements;
  }
}
