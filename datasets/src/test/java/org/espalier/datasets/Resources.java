package org.espalier.datasets;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Files for tests. */
public final class Resources {
  private Resources() {}

  /** A resource beside a class, as a file. */
  public static DataFile file(Class<?> beside, Path folder, String name) {
    try (InputStream in = beside.getResourceAsStream(name)) {
      return DataFile.open(Files.write(folder.resolve(name), in.readAllBytes()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A file with this content. */
  public static DataFile written(Path folder, String name, String content) {
    try {
      return DataFile.open(Files.writeString(folder.resolve(name), content));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** All rows. */
  public static List<DataRow> rows(DataFile file) {
    List<DataRow> rows = new ArrayList<>();
    file.rows(rows::add);
    return rows;
  }
}
