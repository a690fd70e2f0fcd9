import "./style.css"; console.debug(1);
