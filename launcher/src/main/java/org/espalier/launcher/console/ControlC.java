package org.espalier.launcher.console;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;

/**
 * Ctrl-C as something that a program may answer itself. Java has no other interface for that than
 * {@code sun.misc.Signal} of the module jdk.unsupported; it is reached by reflection, as compilers
 * warn of it and not every JVM must have it.
 */
final class ControlC {
  private ControlC() {}

  /**
   * Runs something at every Ctrl-C from now on, instead of ending the JVM.
   *
   * @return false where this JVM does not let programs do that; Ctrl-C ends it then
   */
  static boolean answerWith(Runnable answer) {
    try {
      Class<?> signal = Class.forName("sun.misc.Signal");
      Class<?> handler = Class.forName("sun.misc.SignalHandler");
      Object proxy =
          Proxy.newProxyInstance(
              ControlC.class.getClassLoader(),
              new Class<?>[] {handler},
              (self, method, arguments) -> {
                return switch (method.getName()) {
                  case "handle" -> {
                    answer.run();
                    yield null;
                  }
                  case "hashCode" -> System.identityHashCode(self);
                  case "equals" -> self == arguments[0];
                  default -> "an answer to Ctrl-C";
                };
              });
      signal
          .getMethod("handle", signal, handler)
          .invoke(null, signal.getConstructor(String.class).newInstance("INT"), proxy);
      return true;
    } catch (InvocationTargetException e) {
      return false; // the JVM keeps the signal to itself, as with -Xrs
    } catch (ReflectiveOperationException e) {
      return false;
    }
  }
}
