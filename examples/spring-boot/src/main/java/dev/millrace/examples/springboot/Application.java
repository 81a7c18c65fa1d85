// SPDX-License-Identifier: Apache-2.0
package dev.millrace.examples.springboot;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

/** Pages by Spring, a WebSocket by Millrace. */
@SpringBootApplication
@RestController
class Application {

  public static void main(String[] arguments) {
    SpringApplication.run(Application.class, arguments);
  }

  @GetMapping("/")
  String page() {
    return "a page by Spring";
  }
}
