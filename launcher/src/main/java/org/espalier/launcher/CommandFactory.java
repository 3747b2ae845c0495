package org.espalier.launcher;

import com.google.inject.Injector;
import org.espalier.launcher.command.EspalierCommand;
import picocli.CommandLine;
import picocli.CommandLine.IFactory;

/** Lets Guice make the commands, and picocli all the small things that it needs for itself. */
final class CommandFactory implements IFactory {
  private final IFactory fallback = CommandLine.defaultFactory();
  private final Injector injector;

  CommandFactory(Injector injector) {
    this.injector = injector;
  }

  @Override
  public <K> K create(Class<K> type) throws Exception {
    return type.getPackage().equals(EspalierCommand.class.getPackage())
        ? injector.getInstance(type)
        : fallback.create(type);
  }
}
